"""Does trouble of one chatbot, account or batch delay the uploads of others?"""
